//! Compiles the contract with protox (no protoc needed) into messages, clients and servers.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    collect("rampart".into(), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&files)?;

    // With custom options and comments, for reflection and for the contract checks.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptor_set.bin"), compiler.encode_file_descriptor_set())?;

    let set = compiler.file_descriptor_set();
    // Maps in the order of their keys: the same message is always the same bytes.
    tonic_prost_build::configure().btree_map(".").compile_fds(set)?;
    println!("cargo:rerun-if-changed=rampart");
    Ok(())
}

fn collect(folder: PathBuf, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
