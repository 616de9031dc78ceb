//! The pages of nsqadmin are compiled in: a new file in their folder is a reason to compile again.

fn main() {
    println!("cargo::rerun-if-changed=static");
}
