# keywords.def -> the productions of the keyword classes, appended to grammar.y.
/^KEYWORD\(/ {
    sub(/^KEYWORD\(/, ""); sub(/\).*$/, ""); split($0, f, /, */)
    token = f[2]; sub(/^TK_/, "", token)
    class["UNRESERVED"] = "unreserved_keyword"; class["COL_NAME"] = "col_name_keyword"
    class["TYPE_FUNC"] = "type_func_name_keyword"; class["RESERVED"] = "reserved_keyword"
    printf "%s(A) ::= %s(B). { A = B; }\n", class[f[3]], token
    if (f[4] == "BARE")
        printf "bare_label_keyword(A) ::= %s(B). { A = B; }\n", token
}
