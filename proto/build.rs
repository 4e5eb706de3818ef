//! Compiles `proto/` with protox: no protoc on the machine.

use std::error::Error;

const SIGNED: [&str; 4] = ["types", "statement", "message", "administration"];
const SERVICES: [&str; 5] = ["directory", "relay", "enrolment", "admin", "file"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = SIGNED
        .iter()
        .map(|file| format!("liaison/signed/v1/{file}.proto"))
        .chain(SERVICES.iter().map(|file| format!("liaison/v1/{file}.proto")))
        .collect::<Vec<_>>();
    let descriptors = protox::compile(files, ["proto"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), prost::Message::encode_to_vec(&descriptors))?;
    let mut config = tonic_prost_build::Config::new();
    // The canonical form looks a message's fields up by its name.
    config.enable_type_names();
    tonic_prost_build::configure()
        .bytes(".")
        .codec_path("crate::wire::codec::Exact")
        .compile_fds_with_config(descriptors, config)?;
    Ok(())
}
