//! The command line as its users meet it: what it prints, where, and its exit code.

mod answers;
mod bench;
mod browser;
mod changes;
mod check;
mod codegen;
mod costs;
mod dynamic;
mod explain;
mod faults;
mod gates;
mod imports;
mod inputs;
mod outputs;
mod own_networks;
mod refusals;
mod replay;
mod report;
mod schema;
mod shell;
mod sweep;
mod trace;
mod tune;
mod tutorial;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own for a test, with files in it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str, files: &[(&str, &str)]) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(test);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder can be made");
        for (name, text) in files {
            std::fs::write(path.join(name), text).expect("a file can be written");
        }
        Self(path)
    }

    /// Runs the program in the folder.
    fn run(&self, arguments: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_sdrm3-sim"))
            .current_dir(&self.0)
            .args(arguments.split_whitespace())
            .output()
            .expect("the program starts")
    }

    /// Runs it; it must succeed and be silent on stderr.
    fn prints(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{arguments:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs it; it must refuse with exit code 2, one line on stderr that has all of `says`, and nothing
    /// on stdout.
    fn refuses(&self, arguments: &str, says: &[&str]) {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
        assert_eq!((errors.lines().count(), errors.ends_with('\n')), (1, true), "{arguments:?}: {errors}");
        for part in says {
            assert!(errors.contains(part), "{arguments:?}: no `{part}` in: {errors}");
        }
    }

    /// What is in it, sorted.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("it is there").filter_map(Result::ok);
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn read_bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

const SCENARIO: &str = "\
name = 'test'
[[model]]
name = 'eye'
network = 'fbnet_c'
fps = 60
[[model]]
name = 'gaze'
network = 'kws_res8'
depends_on = 'eye'
probability = 0.5
";

const PLATFORM: &str = "\
name = 'two'
[[accelerator]]
name = 'a'
kind = 'ws-2048'
dataflow = 'ws'
pes = 2048
noc_bytes_per_cycle = 128
clock_mhz = 1000
[[accelerator]]
name = 'b'
kind = 'os-2048'
dataflow = 'os'
pes = 2048
noc_bytes_per_cycle = 128
clock_mhz = 1000
";

const COSTS: &str = "\
network,layer,kind,latency_ns,energy_nj
fbnet_c,0,ws-2048,100000,50
fbnet_c,0,os-2048,200000,40
";

const NETWORKS: &str = "\
network,layer,op,k,c,y,x,r,s,stride,groups
mine,a,conv,16,3,226,226,3,3,2,1
mine,b,fc,8,16,1,1,1,1,1,1
";
