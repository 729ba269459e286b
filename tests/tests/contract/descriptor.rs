//! What buf does not check, or not everywhere: comments, permissions, request_id, masks, pages and
//! reasons.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{
    DescriptorPool, EnumDescriptor, FileDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    ServiceDescriptor, Value,
};

use crate::{contract, files, hold};

/// The reasons that mean the same at every service, by their numbers.
const GENERAL: [(i32, &str); 13] = [
    (1, "INVALID_ARGUMENT"),
    (2, "PAGE_TOKEN_MISMATCH"),
    (3, "REQUEST_ID_REUSED"),
    (4, "NOT_FOUND"),
    (5, "PERMISSION_DENIED"),
    (6, "UNAUTHENTICATED"),
    (7, "ETAG_MISMATCH"),
    (8, "CONFLICT"),
    (9, "DEADLINE_EXCEEDED"),
    (10, "OVERLOADED"),
    (11, "UNAVAILABLE"),
    (12, "INTERNAL"),
    (13, "UNIMPLEMENTED"),
];
const PREFIX: &str = "ERROR_REASON_";

pub(crate) fn services(pool: &DescriptorPool) -> Vec<ServiceDescriptor> {
    let ours = pool.services();
    ours.filter(|one| one.full_name().starts_with("rampart.")).collect()
}

pub(crate) fn methods(pool: &DescriptorPool) -> Vec<MethodDescriptor> {
    let services = services(pool);
    services.iter().flat_map(|one| one.methods()).collect()
}

pub(crate) fn messages(pool: &DescriptorPool) -> Vec<MessageDescriptor> {
    let ours = pool.all_messages();
    ours.filter(|one| one.full_name().starts_with("rampart.") && !one.is_map_entry()).collect()
}

pub(crate) fn enums(pool: &DescriptorPool) -> Vec<EnumDescriptor> {
    let ours = pool.all_enums();
    ours.filter(|one| one.full_name().starts_with("rampart.")).collect()
}

pub(crate) fn permission(pool: &DescriptorPool, method: &MethodDescriptor) -> String {
    let option = pool.get_extension_by_name("rampart.type.v1.permission").expect("the option");
    match method.options().get_extension(&option).as_ref() {
        Value::String(permission) => permission.clone(),
        _ => String::new(),
    }
}

fn commented(file: &FileDescriptor, path: &[i32]) -> bool {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let places = info.map(|info| info.location.as_slice());
    let mut places = places.unwrap_or_default().iter();
    places.find(|place| place.path == path).is_some_and(|place| !place.leading_comments().trim().is_empty())
}

fn text(message: &MessageDescriptor, field: &str) -> bool {
    let field = message.get_field_by_name(field);
    field.is_some_and(|field| field.kind() == Kind::String && !field.is_list())
}

fn reads(method: &MethodDescriptor) -> bool {
    let options = method.method_descriptor_proto().options.as_ref();
    // NO_SIDE_EFFECTS of google.protobuf.MethodOptions.IdempotencyLevel.
    options.is_some_and(|options| options.idempotency_level == Some(1))
}

fn breaches<T>(all: &[T], name: impl Fn(&T) -> String, good: impl Fn(&T) -> bool) -> Vec<String> {
    assert!(!all.is_empty(), "nothing to check");
    all.iter().filter(|one| !good(one)).map(name).collect()
}

fn full_name(method: &MethodDescriptor) -> String {
    method.full_name().to_owned()
}

#[test]
fn everything_has_a_comment() {
    let pool = contract();
    let mut bare = Vec::new();
    let mut look = |name: &str, file: FileDescriptor, path: &[i32]| {
        if !commented(&file, path) {
            bare.push(name.to_owned());
        }
    };
    for service in services(&pool) {
        look(service.full_name(), service.parent_file(), service.path());
    }
    for method in methods(&pool) {
        let file = method.parent_service().parent_file();
        look(method.full_name(), file, method.path());
    }
    for message in messages(&pool) {
        look(message.full_name(), message.parent_file(), message.path());
        for field in message.fields() {
            look(field.full_name(), message.parent_file(), field.path());
        }
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            look(oneof.full_name(), message.parent_file(), oneof.path());
        }
    }
    for one in enums(&pool) {
        look(one.full_name(), one.parent_file(), one.path());
        for value in one.values() {
            look(value.full_name(), one.parent_file(), value.path());
        }
    }
    hold("comments are the contract; these have none:", &bare);
}

#[test]
fn every_method_needs_a_permission_that_some_office_has() {
    let pool = contract();
    let known: BTreeSet<_> = jurisdiction::offices::permissions().collect();
    let wrong =
        breaches(&methods(&pool), full_name, |method| known.contains(permission(&pool, method).as_str()));
    hold("without a permission of jurisdiction::offices:", &wrong);
}

#[test]
fn every_change_has_a_request_id() {
    let wrong = breaches(&methods(&contract()), full_name, |method| {
        let streams = method.is_client_streaming() || method.is_server_streaming();
        // What is taken in by the hundred has an event_id for each item.
        let ingests = method.name().starts_with("Ingest");
        reads(method) || streams || ingests || text(&method.input(), "request_id")
    });
    hold("neither NO_SIDE_EFFECTS nor a request_id:", &wrong);
}

#[test]
fn messages_are_named_after_their_method() {
    let wrong = breaches(&methods(&contract()), full_name, |method| {
        let (input, output) = (method.input(), method.output());
        input.name() == format!("{}Request", method.name())
            && output.name() == format!("{}Response", method.name())
    });
    hold("not <Method>Request and <Method>Response:", &wrong);
}

#[test]
fn every_update_has_a_mask_and_every_list_has_pages() {
    let wrong = breaches(&methods(&contract()), full_name, |method| {
        let (input, output) = (method.input(), method.output());
        let mask = || {
            let mask = input.get_field_by_name("update_mask");
            mask.is_some_and(|mask| match mask.kind() {
                Kind::Message(kind) => kind.full_name() == "google.protobuf.FieldMask",
                _ => false,
            })
        };
        let pages = || {
            let size = input.get_field_by_name("page_size");
            size.is_some_and(|size| size.kind() == Kind::Int32)
                && text(&input, "page_token")
                && text(&output, "next_page_token")
        };
        (!method.name().starts_with("Update") || mask()) && (!method.name().starts_with("List") || pages())
    });
    hold("without update_mask, or without pages:", &wrong);
}

#[test]
fn zero_of_an_enum_says_nothing() {
    let name = |one: &EnumDescriptor| one.full_name().to_owned();
    let wrong = breaches(&enums(&contract()), name, |one| {
        one.get_value(0).is_some_and(|zero| zero.name().ends_with("_UNSPECIFIED"))
    });
    hold("zero is not …_UNSPECIFIED:", &wrong);
}

fn reasons() -> BTreeMap<String, EnumDescriptor> {
    let pool = contract();
    let found = enums(&pool).into_iter();
    let found = found.filter(|one| one.name() == "ErrorReason");
    found
        .map(|one| {
            let package = one.parent_file().package_name().to_owned();
            let service = package.split('.').nth(1).expect("rampart.<service>.v1");
            (service.to_owned(), one)
        })
        .collect()
}

#[test]
fn general_reasons_are_the_same_everywhere() {
    let reasons = reasons();
    let mut wrong = Vec::new();
    for service in services(&contract()) {
        let package = service.parent_file().package_name().to_owned();
        let name = package.split('.').nth(1).unwrap_or_default().to_owned();
        if !reasons.contains_key(&name) {
            wrong.push(format!("{package} has no errors.proto"));
        }
    }
    for (service, one) in &reasons {
        for (number, reason) in GENERAL {
            let there = one.get_value(number);
            let there = there.map(|value| value.name().to_owned());
            if there.as_deref() != Some(&format!("{PREFIX}{reason}")) {
                wrong.push(format!("{service}: {number} is {there:?}, not {reason}"));
            }
        }
    }
    hold("general reasons differ:", &wrong);
}

/// The string literals of a source that look like reasons: UPPER_CASE, with an underscore.
fn upper_case_literals(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    code.split('"').skip(1).step_by(2).filter(|literal| {
        let mut letters = literal.bytes();
        literal.len() > 3
            && literal.contains('_')
            && letters.all(|letter| letter.is_ascii_uppercase() || letter == b'_')
    })
}

#[test]
fn every_reason_in_the_code_is_in_the_contract() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (service, one) in reasons() {
        let known: BTreeSet<String> = one.values().map(|v| v.name().to_owned()).collect();
        for (file, source) in files(&format!("services/{service}/src"), "rs") {
            for reason in upper_case_literals(&source) {
                // Names of the contract's own enums, and of the environment, are no reasons.
                if reason.starts_with("RAMPART_") || reason.starts_with(PREFIX) {
                    continue;
                }
                seen += 1;
                if !known.contains(&format!("{PREFIX}{reason}")) {
                    wrong.push(format!("{file}: {reason}"));
                }
            }
        }
    }
    assert!(seen > 3, "the search finds no reasons any more");
    hold("reasons that errors.proto does not have:", &wrong);
}

#[test]
fn the_retry_policy_names_every_service() {
    let text = std::fs::read_to_string(crate::root().join("proto/service_config.json")).expect("the policy");
    let policy: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let named = policy["methodConfig"][0]["name"].as_array().expect("names");
    let named: BTreeSet<_> = named.iter().filter_map(|name| name["service"].as_str()).collect();
    let pool = contract();
    let services = services(&pool);
    let wrong: Vec<_> = services
        .iter()
        .map(ServiceDescriptor::full_name)
        .filter(|name| !named.contains(name))
        .map(String::from)
        .collect();
    hold("services that service_config.json does not name:", &wrong);
    assert_eq!(named.len(), services.len(), "and none that is not there");
}
