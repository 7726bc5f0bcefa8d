# Only delegates; the logic is in xtask/.
CACHE := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)
# One folder per checkout: cargo cannot tell the crates of two checkouts apart in a shared one.
export CARGO_TARGET_DIR ?= $(CACHE)/catena/target/$(subst /,_,$(patsubst /%,%,$(CURDIR)))

.PHONY: up build test check e2e clients exchange arm sanitize bench deps studio tidy
up build test check e2e clients exchange arm sanitize bench deps studio tidy:
	@cargo xtask $@
