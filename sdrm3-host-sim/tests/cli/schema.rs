//! The JSON Schemas of the book: what is built in and what is printed obeys them, and they know every key.

use serde_json::Value;

use crate::{COSTS, Folder, PLATFORM as BOARD, SCENARIO as TEST};

const SCENARIO: &str = include_str!("../../../docs/src/schema/scenario.schema.json");
const PLATFORM: &str = include_str!("../../../docs/src/schema/platform.schema.json");
const RESULTS: &str = include_str!("../../../docs/src/schema/results.schema.json");

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        other => panic!("the schema has a type `{other}`"),
    }
}

/// What a value has against a schema, by the words that ours use; any other word is a mistake.
fn faults(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let length = value.as_array().map_or(0, Vec::len) as f64;
    let number = value.as_f64().unwrap_or(f64::NAN);
    for (word, rule) in schema.as_object().expect("an object") {
        let limit = rule.as_f64().unwrap_or(f64::NAN);
        let holds = match word.as_str() {
            "$schema" | "title" | "description" | "properties" => true,
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is_of(value, kind.as_str().expect("a type"))),
                kind => is_of(value, kind.as_str().expect("a type")),
            },
            "enum" => rule.as_array().is_some_and(|values| values.contains(value)),
            "minimum" => number >= limit,
            "maximum" => number <= limit,
            "exclusiveMinimum" => number > limit,
            "minItems" => length >= limit,
            "maxItems" => length <= limit,
            "required" => rule
                .as_array()
                .is_some_and(|keys| keys.iter().all(|key| value.get(key.as_str().unwrap_or("")).is_some())),
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                faults.extend(
                    items.flat_map(|(index, item)| self::faults(rule, item, &format!("{at}/{index}"))),
                );
                true
            }
            "prefixItems" => {
                let items = rule.as_array().into_iter().flatten().zip(value.as_array().into_iter().flatten());
                faults.extend(
                    items
                        .enumerate()
                        .flat_map(|(index, (rule, item))| self::faults(rule, item, &format!("{at}/{index}"))),
                );
                true
            }
            "additionalProperties" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    match (schema["properties"].get(key), rule) {
                        (Some(known), _) => faults.extend(self::faults(known, value, &format!("{at}/{key}"))),
                        (None, Value::Bool(false)) => faults.push(format!("{at}/{key}: unknown")),
                        (None, rule) => faults.extend(self::faults(rule, value, &format!("{at}/{key}"))),
                    }
                }
                true
            }
            other => panic!("the schema has a word `{other}`"),
        };
        if !holds {
            faults.push(format!("{at}: {word} is {rule}, not so {value}"));
        }
    }
    faults
}

fn schema(text: &str) -> Value {
    serde_json::from_str(text).expect("a schema is JSON")
}

fn toml(text: &str) -> Value {
    serde_json::to_value(text.parse::<toml::Table>().expect("TOML")).expect("JSON")
}

#[test]
fn what_is_built_in_obeys_and_what_is_wrong_does_not() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut checked = 0;
    for (text, folder) in [(SCENARIO, "scenarios"), (PLATFORM, "platforms")] {
        for file in std::fs::read_dir(root.join(folder)).expect("it is there").filter_map(Result::ok) {
            let value = toml(&std::fs::read_to_string(file.path()).expect("a text"));
            assert_eq!(faults(&schema(text), &value, ""), [""; 0], "{}", file.path().display());
            checked += 1;
        }
    }
    assert!(checked >= 13, "{checked}");
    for (wrong, says) in [
        ("name = 'a'", ": required is "),
        ("name = 'a'\nmodel = []", "/model: minItems is 1"),
        ("name = 'a'\n[[model]]\nname = 'b'\nnetwork = 'c'\nfps = 0", "/model/0/fps: exclusiveMinimum is 0"),
        ("name = 'a'\n[[model]]\nname = 'b'\nnetwork = 'c'\nfsp = 9", "/model/0/fsp: unknown"),
        (
            "name = 'a'\n[[model]]\nname = 'b'\nnetwork = 'c'\ndrop_budget = [2, 33]",
            "/model/0/drop_budget/1: maximum is 32",
        ),
        (
            "name = 'a'\n[[model]]\nname = 'b'\nnetwork = 'c'\nphase_ms = 1e10",
            "/model/0/phase_ms: maximum is ",
        ),
        ("name = 'a'\n[[model]]\nname = 'b'\nnetwork = 3", "/model/0/network: type is \"string\""),
    ] {
        let faults = faults(&schema(SCENARIO), &toml(wrong), "");
        assert!(faults.len() == 1 && faults[0].starts_with(says), "{faults:?}");
    }
}

/// The parsers name the keys that they know when they meet one that they do not.
#[test]
fn the_schemas_know_the_keys_that_the_parsers_know() {
    let folder = Folder::new("schema", &[]);
    let (scenario, platform) = (schema(SCENARIO), schema(PLATFORM));
    for (option, text, properties) in [
        ("scenario", "no_such_key = 1", &scenario["properties"]),
        ("scenario", "[[model]]\nno_such_key = 1", &scenario["properties"]["model"]["items"]["properties"]),
        ("scenario", "[[change]]\nno_such_key = 1", &scenario["properties"]["change"]["items"]["properties"]),
        ("platform", "no_such_key = 1", &platform["properties"]),
        (
            "platform",
            "[[accelerator]]\nno_such_key = 1",
            &platform["properties"]["accelerator"]["items"]["properties"],
        ),
    ] {
        std::fs::write(folder.0.join("x.toml"), text).expect("a file can be written");
        let scenario = if option == "scenario" { "" } else { " --scenario ar_call" };
        let output = folder.run(&format!("run --{option} x.toml{scenario}"));
        let error = String::from_utf8(output.stderr).expect("a text");
        let what = error.split(';').next().unwrap_or_default();
        let mut known: Vec<&str> = what.split('`').skip(3).step_by(2).collect();
        known.sort_unstable();
        let mut keys: Vec<&str> = properties.as_object().expect("keys").keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, known, "{error}");
    }
}

#[test]
fn what_is_printed_obeys() {
    let folder = Folder::new("schema-results", &[("s.toml", TEST), ("p.toml", BOARD), ("c.csv", COSTS)]);
    for command in [
        "compare --scenario vr_gaming --duration-ms 100 --format json --bound",
        "run --scenario ar_social --duration-ms 100 --format json",
        "run --scenario drone_indoor --policy fcfs --duration-ms 1 --format json",
        "run --scenario s.toml --platform p.toml --costs c.csv --duration-ms 50 --latency-bias 0.2 --format json",
    ] {
        let value = schema(&folder.prints(command));
        assert_eq!(faults(&schema(RESULTS), &value, ""), [""; 0], "{command}");
    }
}
