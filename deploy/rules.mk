# Containers and packages. `make deps` installs what building and testing need (Debian 12).
.PHONY: deps image image-test
deps:
	@deploy/deps.sh build test
image:
	@deploy/image.sh
image-test:
	@deploy/image_test.sh
