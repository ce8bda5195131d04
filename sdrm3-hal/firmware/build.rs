//! Gives the linker the board's memory map and the sections of defmt and of the stack sizes.

use std::{env, fs, path::Path};

fn main() {
    let board = match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("arm") => "mps2",
        Ok("riscv32") => "virt",
        other => panic!("no board for {other:?}: build with --target, see run.sh"),
    };
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let map = format!("src/board/{board}.x");
    fs::copy(&map, Path::new(&out).join("memory.x")).expect("the map of the board can be copied");
    println!("cargo:rerun-if-changed={map}");
    println!("cargo:rerun-if-changed=stack-sizes.x");
    println!("cargo:rustc-link-search={out}");
    println!("cargo:rustc-link-search={}", env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    if board == "virt" {
        println!("cargo:rustc-link-arg-bins=-melf32lriscv");
        println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    }
    for script in ["link.x", "defmt.x", "stack-sizes.x"] {
        println!("cargo:rustc-link-arg-bins=-T{script}");
    }
}
