//! The bench as it is called: on a disk, with a log that has grown, in processes of its own.

use std::process::Command;

use serde_json::Value;

#[test]
fn a_grown_log_is_started_from_its_store_and_its_memory_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let asked = ["--only", "growth", "--entries", "500", "--waiting", "2", "--seconds", "0.1"];
    let bench = Command::new(env!("CARGO_BIN_EXE_liaison"))
        .args(["bench", "--json", "--dir"])
        .arg(dir.path())
        .args(asked)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&bench.stderr);
    assert!(bench.status.success(), "{said}");
    assert!(said.contains("2 messages for mailbox 0"), "{said}");
    let outcome: Value = serde_json::from_slice(&bench.stdout).unwrap();
    let measured = outcome["measurements"].as_array().unwrap();
    let named = |name: &str| {
        let of_name = |one: &&Value| one["name"].as_str().unwrap().starts_with(name);
        measured.iter().find(of_name).unwrap_or_else(|| panic!("{name}: {outcome}"))
    };
    assert!(named("store of").get("bytes").unwrap().as_f64().unwrap() > 100.0, "{outcome}");
    let memory = named("memory of")["bytes"].as_f64();
    let client = named("first sync")["client_us"].as_f64();
    if cfg!(target_os = "linux") {
        assert!(memory.unwrap() > 100.0 && client.unwrap() > 0.0, "{outcome}");
    } else {
        assert_eq!((memory, client), (None, None), "not known is not zero");
    }
}
