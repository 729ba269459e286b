//! The rules that no compiler holds: what the contract says, and who may use what.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod architecture;
mod descriptor;
mod golden;
mod migrations;

use std::{
    fs,
    path::{Path, PathBuf},
};

use prost_reflect::DescriptorPool;

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The contract with its comments and options.
fn contract() -> DescriptorPool {
    DescriptorPool::decode(proto::DESCRIPTOR_SET).expect("a descriptor set")
}

/// Every file below a folder of the workspace with this ending, and its text.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|found| found == ending) {
                let text = fs::read_to_string(&path).expect("text");
                let name = path.strip_prefix(&root).expect("below the root");
                found.push((name.display().to_string(), text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no .{ending} below {folder}");
    found
}

/// Fails with every breach on a line of its own.
fn hold(rule: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{rule}\n  {}", breaches.join("\n  "));
}
