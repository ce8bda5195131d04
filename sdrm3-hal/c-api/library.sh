# Sourced by run.sh and generate.sh: builds the library for Cortex-M4F.

target=thumbv7em-none-eabihf

# need COMMAND PACKAGE: a command that is there, or what installs it.
need() {
    command -v "$1" >/dev/null && return
    echo "$1 is missing; install it: apt-get install $2" >&2
    exit 1
}

# build_for_target DIRECTORY ARGUMENTS: libsdrm3.a for the target; sets `library`. Uses an installed rustup
# target if there is one, else a system compiler that brings the sources of core.
build_for_target() {
    local directory=$1
    shift
    library=$directory/$target/release/libsdrm3.a
    if rustc --print target-libdir --target "$target" 2>/dev/null | xargs -I{} test -d {}; then
        cargo rustc --quiet -p sdrm3-c --release --target "$target" --target-dir "$directory" \
            --crate-type staticlib "$@"
    elif [ -d "$(/usr/bin/rustc --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library/core" ]; then
        env RUSTC_BOOTSTRAP=1 PATH=/usr/bin:/bin RUSTC=/usr/bin/rustc \
            /usr/bin/cargo rustc --quiet -p sdrm3-c --release -Zbuild-std=core --target "$target" \
            --target-dir "$directory" --crate-type staticlib "$@"
    else
        echo "no Rust compiler for $target; install one: rustup target add $target" >&2
        echo "or, on Debian: apt-get install rustc-web cargo-web rust-web-src" >&2
        exit 1
    fi
}
