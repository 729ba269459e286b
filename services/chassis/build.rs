//! A new migration compiles the crate anew.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
