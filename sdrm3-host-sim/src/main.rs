//! `sdrm3-sim`: the command line of the simulator.

use std::process::ExitCode;

fn main() -> ExitCode {
    sdrm3_host_sim::command::main()
}
