# Only delegates; the logic is in xtask/.
CACHE := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)
export CARGO_TARGET_DIR ?= $(CACHE)/catena/target

.PHONY: up build test check e2e bench deps studio tidy
up build test check e2e bench deps studio tidy:
	@cargo xtask $@
