//! Whom to call, because a message does not reach him, for programs.

use serde_json::{Map, Value, json};

use crate::office::call::{Script, ToCall};
use crate::words;

/// A contact to be called, by what, and what to say to it.
pub(super) fn json(call: &ToCall, script: Option<&Script>) -> Value {
    let reach = call.reach.iter().map(|part| {
        let lines = words::lines(part).unwrap_or_else(|| vec![words::NOT_HERE.to_owned()]);
        (part.name.clone(), json!(lines))
    });
    json!({
        "contact": call.of.contact.to_string(),
        "name": words::called(&call.of),
        "why": words::why_call(call.why),
        "reach": reach.collect::<Map<_, _>>(),
        "read_out": script.map(words::script).unwrap_or_default(),
    })
}
