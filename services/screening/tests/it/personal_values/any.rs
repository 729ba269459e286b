//! Any method of screening's contract, called by its description: so that a new one is asked about by itself.

use std::time::Duration;

use prost::bytes::{Buf as _, BufMut as _};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    ReflectMessage as _, Value, prost::Message as _,
};
use tests::{Sandbox, request_id};
use tonic::{
    Request, Status, Streaming,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

/// Messages as they are on the wire.
#[derive(Clone, Copy, Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Plain {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

/// Every method of screening.
pub(super) fn methods() -> Vec<MethodDescriptor> {
    let pool = DescriptorPool::decode(proto::DESCRIPTOR_SET).expect("the contract");
    let ours: Vec<_> =
        pool.services().filter(|one| one.full_name().starts_with("rampart.screening.")).collect();
    let methods: Vec<_> = ours.iter().flat_map(|one| one.methods()).collect();
    assert!(methods.len() > 100, "all of them");
    methods
}

/// What a method answers, message by message.
pub(super) struct Answers {
    stream: Streaming<Vec<u8>>,
    of: MessageDescriptor,
}

impl Answers {
    /// The next message; nothing at the end.
    pub(super) async fn next(&mut self) -> Result<Option<DynamicMessage>, Status> {
        let message = tokio::time::timeout(Duration::from_secs(20), self.stream.message());
        let message = message.await.expect("an answer, or a heartbeat")?;
        Ok(message.map(|bytes| DynamicMessage::decode(self.of.clone(), &*bytes).expect("a message")))
    }

    /// The only message.
    pub(super) async fn only(mut self) -> Result<DynamicMessage, Status> {
        let message = self.next().await?.ok_or_else(|| Status::internal("no message"))?;
        self.next().await?;
        Ok(message)
    }
}

/// Calls a method with one message, whichever way its messages go.
pub(super) async fn call(
    (channel, token): (&Channel, &str),
    method: &MethodDescriptor,
    message: &DynamicMessage,
) -> Result<Answers, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.expect("the service is there");
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let mut request = Request::new(futures::stream::iter([message.encode_to_vec()]));
    let bearer = format!("Bearer {token}").parse().expect("a header");
    request.metadata_mut().insert("authorization", bearer);
    let answer = client.streaming(request, path.parse().expect("a path"), Plain).await?;
    Ok(Answers { stream: answer.into_inner(), of: method.output() })
}

/// A channel to screening, and a token of a subject.
pub(super) fn connected(sandbox: &Sandbox, subject: &str) -> (Channel, String) {
    let channel = Channel::from_shared(sandbox.screening_url().to_owned()).expect("an address");
    let token = sandbox.issuer.token(subject, Duration::from_secs(3_600)).expect("a token");
    (channel.connect_lazy(), token)
}

fn is_ours(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("rampart.")
}

fn is_id(field: &FieldDescriptor) -> bool {
    ["request_id", "event_id"].contains(&field.name())
}

/// What a field holds: once, or in a list of one.
fn held(field: &FieldDescriptor, value: Value) -> Value {
    if field.is_list() { Value::List(vec![value]) } else { value }
}

/// A message that says a value wherever it says anything, but for the ids of clients; of every choice the nth.
pub(super) fn full(of: &MessageDescriptor, value: &str, nth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    for field in of.fields().filter(|field| !field.is_map()) {
        let choice = field.containing_oneof();
        let chosen = choice.and_then(|choice| choice.fields().nth(nth % choice.fields().count()));
        if chosen.is_some_and(|chosen| chosen != field) {
            continue;
        }
        let said = match field.kind() {
            Kind::String if is_id(&field) => Value::String(request_id()),
            Kind::String => Value::String(value.to_owned()),
            Kind::Enum(_) => Value::EnumNumber(1),
            Kind::Message(inner) if is_ours(&inner) => Value::Message(full(&inner, value, nth)),
            Kind::Message(inner) if inner.full_name() == "google.protobuf.FieldMask" => {
                Value::Message(mask(&inner))
            }
            Kind::Int32 => Value::I32(1),
            _ => continue,
        };
        message.set_field(&field, held(&field, said));
    }
    message
}

/// A mask of everything: what a mask names is fields.
fn mask(of: &MessageDescriptor) -> DynamicMessage {
    let mut mask = DynamicMessage::new(of.clone());
    mask.set_field_by_name("paths", Value::List(vec![Value::String("*".to_owned())]));
    mask
}

/// Every place of a message where something is said in words.
pub(super) fn places(of: &MessageDescriptor) -> Vec<Vec<FieldDescriptor>> {
    let mut places = Vec::new();
    for field in of.fields().filter(|field| !field.is_map()) {
        match field.kind() {
            Kind::String => places.push(vec![field]),
            Kind::Message(inner) if is_ours(&inner) => {
                let below = self::places(&inner).into_iter();
                places.extend(below.map(|place| [vec![field.clone()], place].concat()));
            }
            _ => {}
        }
    }
    places
}

/// A message that says a value in one place alone.
pub(super) fn lone(of: &MessageDescriptor, place: &[FieldDescriptor], value: &str) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    if let Some(id) = of.get_field_by_name("request_id") {
        message.set_field(&id, Value::String(request_id()));
    }
    let [field, below @ ..] = place else { return message };
    let said = match field.kind() {
        Kind::Message(inner) => Value::Message(lone(&inner, below, value)),
        _ => Value::String(value.to_owned()),
    };
    message.set_field(field, held(field, said));
    message
}

/// Whatever is said of refused items within an answer.
pub(super) fn refusals(message: &DynamicMessage, words: &mut String) {
    let is_refusal = message.descriptor().name().starts_with("Refused");
    for (field, value) in message.fields() {
        let values = match value {
            Value::List(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            match value {
                Value::Message(inner) => refusals(inner, words),
                Value::String(text) if is_refusal && field.name() != "event_id" => words.push_str(text),
                _ => {}
            }
        }
    }
}
