//! The contract as one stable listing. Whoever changes it sees the change here, and says so with
//! `UPDATE_GOLDEN=1 cargo test -p tests --test contract`.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
};

use prost_reflect::{FieldDescriptor, Kind, MethodDescriptor};

use crate::{
    contract,
    descriptor::{enums, messages, permission, services},
    root,
};

const GOLDEN: &str = "tests/golden/contract.txt";

fn kind(field: &FieldDescriptor) -> String {
    let name = match field.kind() {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(one) => one.full_name().to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    };
    let label = match () {
        () if field.is_list() => "repeated ",
        () if field.is_map() => "map ",
        () if field.field_descriptor_proto().proto3_optional() => "optional ",
        () => "",
    };
    let choice = field
        .containing_oneof()
        .filter(|oneof| !oneof.is_synthetic())
        .map(|oneof| format!(" in {}", oneof.name()));
    format!("{label}{name}{}", choice.unwrap_or_default())
}

fn streams(method: &MethodDescriptor) -> (&'static str, &'static str) {
    let word = |streams: bool| if streams { "stream " } else { "" };
    (word(method.is_client_streaming()), word(method.is_server_streaming()))
}

fn listing() -> String {
    let pool = contract();
    let mut entries: BTreeMap<String, String> = BTreeMap::new();
    for service in services(&pool) {
        let mut entry = format!("service {}\n", service.full_name());
        for method in service.methods() {
            let (asks, answers) = streams(&method);
            let permission = permission(&pool, &method);
            let _ = writeln!(
                entry,
                "  {}({asks}{}) -> {answers}{} permission {permission}",
                method.name(),
                method.input().full_name(),
                method.output().full_name(),
            );
        }
        entries.insert(service.full_name().to_owned(), entry);
    }
    for message in messages(&pool) {
        let mut entry = format!("message {}\n", message.full_name());
        let mut fields: Vec<_> = message.fields().collect();
        fields.sort_by_key(FieldDescriptor::number);
        for field in fields {
            let _ = writeln!(entry, "  {} {}: {}", field.number(), field.name(), kind(&field));
        }
        entries.insert(message.full_name().to_owned(), entry);
    }
    for one in enums(&pool) {
        let mut entry = format!("enum {}\n", one.full_name());
        let mut values: Vec<_> = one.values().collect();
        values.sort_by_key(|value| value.number());
        for value in values {
            let _ = writeln!(entry, "  {} {}", value.number(), value.name());
        }
        entries.insert(one.full_name().to_owned(), entry);
    }
    entries.into_values().collect::<Vec<_>>().join("\n")
}

/// Every line under its heading.
fn lines(text: &str) -> BTreeSet<String> {
    let mut heading = "";
    let mut lines = BTreeSet::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if !line.starts_with(' ') {
            heading = line;
        }
        lines.insert(format!("{heading} | {}", line.trim()));
    }
    lines
}

#[test]
fn the_contract_is_what_was_agreed() {
    let path = root().join(GOLDEN);
    let now = listing();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &now).expect("the listing is written");
        return;
    }
    let agreed = fs::read_to_string(&path).expect("the listing");
    let (before, after) = (lines(&agreed), lines(&now));
    let gone = before.difference(&after).map(|line| format!("- {line}"));
    let new = after.difference(&before).map(|line| format!("+ {line}"));
    let diff: Vec<String> = gone.chain(new).collect();
    assert!(
        agreed == now,
        "the contract changed; if that is meant, run with UPDATE_GOLDEN=1\n{}",
        diff.join("\n")
    );
}
