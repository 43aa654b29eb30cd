# OpenClaw: the Postgres extension (PGXS) and the project's verbs. `make help` lists them.
#
# Every build product lies under build/. This file is read twice: at the root it offers the verbs
# and hands PGXS's targets to a folder of build/ that belongs to one server, compiler and set of
# flags (so objects of two servers never mix); there, IN_BUILD_FOLDER is set and PGXS is included.

PG_CONFIG ?= pg_config

ifndef IN_BUILD_FOLDER

.DEFAULT_GOAL := all
PGXS_TARGETS := all install uninstall installdirs check-symbols
VERBS := programs demo test bench lint format reference test-fresh
.PHONY: $(PGXS_TARGETS) $(VERBS) installcheck clean help

NEEDS_SERVER := $(filter $(PGXS_TARGETS) installcheck,$(or $(MAKECMDGOALS),all))
ifneq ($(NEEDS_SERVER),)
# A symlink is kept: pg_config finds its folders from where it really lies by itself.
override PG_CONFIG := $(shell realpath -s "$$(command -v $(PG_CONFIG))" 2>/dev/null)
ifeq ($(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null)),)
$(error The server headers of PostgreSQL are not installed. On Debian: apt-get install postgresql-server-dev-all, or let `make test` install what is needed; for another server: make PG_CONFIG=/path/to/pg_config)
endif
endif

BUILD_KEY = $(shell { echo '$(CXX) $(CXXFLAGS) $(CPPFLAGS) $(LDFLAGS) $(PG_CONFIG)'; \
              $(PG_CONFIG); } | cksum | cut -d ' ' -f 1)
BUILD_FOLDER = build/pg$(shell $(PG_CONFIG) --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')-$(BUILD_KEY)

# `make -j all install` would else build in one folder twice at once.
.NOTPARALLEL:

$(PGXS_TARGETS):
	@folder=$(BUILD_FOLDER) && mkdir -p $$folder/core $$folder/extension && \
	  $(MAKE) --no-print-directory -C $$folder -f ../../Makefile IN_BUILD_FOLDER=1 VPATH=../.. \
	    PG_CONFIG='$(PG_CONFIG)' DESTDIR='$(and $(DESTDIR),$(shell realpath -sm '$(DESTDIR)'))' $@

installcheck:
	tools/pgtap

programs:
	tools/build programs
reference:
	tools/private-postgres -- tools/sql-reference
demo bench:
	$@/run
test:
	tests/run
lint format test-fresh:
	tools/$@

clean:
	rm -rf build

help:
	@echo 'make             build the extension for the server of PG_CONFIG ($(PG_CONFIG))'
	@echo 'make install     install it there (PG_CONFIG=..., DESTDIR=...)'
	@echo 'make programs    the front and the gate too, as build/cmake/openclaw-front and build/cmake/openclaw'
	@echo 'make installcheck  run pgTAP against the running server that PGHOST, PGPORT, ... name'
	@echo 'make demo        set everything up, show the main job on real input, clean up'
	@echo 'make test        set everything up, run every test, clean up'
	@echo 'make bench       the same for speed: a table, and .local/bench.json'
	@echo 'make lint        clang-format, clang-tidy, shellcheck, exported symbols, SQL checks'
	@echo 'make format      clang-format on our C++'
	@echo 'make reference   write docs/sql-reference.md from the COMMENTs of sql/'
	@echo 'make test-fresh  make demo and make test in fresh Debian 12 and 13 trees'
	@echo 'make clean       remove build/'

else # In build/pgVERSION-KEY/, where `../..` is the root.

# The install script is these files of sql/, in this order: each uses only what stands before it.
SQL_TOPICS = install_guard settings scopes tables audit sessions plans users containers api_tokens signing_keys jwts \
             connect oauth_clients oauth_grants revocation status_lists maintenance views \
             front front_oauth front_platform access doctor

root := $(VPATH)
version := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(root)/extension/openclaw.control)
sources := $(wildcard $(root)/core/*.cpp $(root)/extension/*.cpp)

MODULE_big = openclaw
OBJS = $(patsubst $(root)/%.cpp,%.o,$(sources))
SHLIB_EXPORTS = extension/exports.txt
EXTENSION = extension/openclaw
MODULEDIR = extension
DATA = $(patsubst $(root)/%,%,$(wildcard $(root)/sql/updates/openclaw--*--*.sql))
DATA_built = openclaw--$(version).sql
NO_INSTALLCHECK = 1

# Postgres's headers are the system's: what they warn of is not ours to mend.
PG_CPPFLAGS = -isystem $(shell $(PG_CONFIG) --includedir-server) \
              -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS -DOPENCLAW_VERSION='"$(version)"'
# exports.txt hides all but the entry points; -fvisibility=hidden cannot, because the entry points
# of Postgres 14 and 15 carry no mark that would keep them visible.
PG_CXXFLAGS = -std=c++20 -fno-semantic-interposition -fvisibility-inlines-hidden \
              -fstack-protector-strong \
              -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor \
              -Werror -MMD -MP
SHLIB_LINK = -Wl,-z,relro,-z,now,-z,noexecstack -lsodium -lcrypto -lsimdjson -lz -lstdc++

# Bitcode for the JIT would inline nothing of ours and needs clang of the server's version.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

-include $(OBJS:.o=.d)

ccache := $(shell command -v ccache)

$(OBJS): %.o: %.cpp $(root)/Makefile
	$(ccache) $(CXX) $(CXXFLAGS) $(CPPFLAGS) -c -o $@ $<

$(DATA_built): $(SQL_TOPICS:%=$(root)/sql/%.sql) $(root)/Makefile $(root)/extension/openclaw.control
	{ printf '%s\n' '\echo Use "CREATE EXTENSION openclaw" to load this file. \quit'; \
	  for topic in $(SQL_TOPICS); do echo; cat $(root)/sql/$$topic.sql || exit 1; done; } > $@

.PHONY: check-symbols
check-symbols: all
	$(root)/tools/check-symbols openclaw.so $(DATA_built)

endif
