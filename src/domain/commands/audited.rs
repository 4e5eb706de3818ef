//! A command with its record in the audit trail.
//!
//! Invariants: a record is written in the commit of what it records, of a refusal in one of its own; what
//! changes something is always recorded.

use crate::domain::administration::audit::{Call, Trail};
use crate::domain::command::{Command, Decision, World};
use crate::domain::refusal::Refusal;
use crate::domain::state::{Key, Value};

/// What is recorded of what was done.
const DONE: &str = "ok";

/// A command with its record: both in one commit. What is refused changes nothing but the trail.
#[derive(Debug)]
pub struct Audited<C> {
    call: Call,
    command: C,
    is_spared: bool,
}

impl<C> Audited<C> {
    /// A command that this call asks for. If the call is spared, it has a record only if it changes
    /// something.
    #[must_use]
    pub const fn new(call: Call, command: C, is_spared: bool) -> Self {
        Self { call, command, is_spared }
    }
}

/// What a command with its record came to.
#[derive(Debug)]
pub struct Told<R> {
    /// Of the command.
    pub reply: Result<R, Refusal>,
    /// Whether it has a record.
    pub is_recorded: bool,
}

impl<C: Command> Command for Audited<C> {
    type Reply = Told<C::Reply>;

    fn keys(&self) -> Vec<Key> {
        let mut keys = self.command.keys();
        keys.push(Key::Trail);
        keys
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<Self::Reply>, Refusal> {
        let told = |reply| Told { reply, is_recorded: true };
        let (mut decided, outcome) = match self.command.decide(world) {
            Err(fault @ Refusal::Internal(_)) => return Err(fault),
            Err(refusal) => {
                let outcome = refusal.code();
                (Decision::nothing(told(Err(refusal))), outcome)
            }
            Ok(Decision { puts, deletes, log, reply }) => {
                (Decision { puts, deletes, log, reply: told(Ok(reply)) }, DONE)
            }
        };
        if self.is_spared && decided.changes_nothing() {
            decided.reply.is_recorded = false;
            return Ok(decided);
        }
        let before = world.seen.trail(&Key::Trail)?.copied();
        let before = before.unwrap_or_else(|| Trail::empty(world.directory.genesis()));
        let record = self.call.record(before.count + 1, world.now, outcome);
        let after = before.append(&record);
        decided.puts.push((Key::Record(after.count), Value::Record(record)));
        decided.puts.push((Key::Trail, Value::Trail(after)));
        Ok(decided)
    }
}

/// A command that changes nothing: of what was only asked.
#[derive(Debug)]
pub struct Asked;

impl Command for Asked {
    type Reply = ();

    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn decide(&self, _: &World<'_>) -> Result<Decision<()>, Refusal> {
        Ok(Decision::nothing(()))
    }
}

/// A command that was refused before it could be decided.
#[derive(Debug)]
pub struct Refused(pub Refusal);

impl Command for Refused {
    type Reply = ();

    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn decide(&self, _: &World<'_>) -> Result<Decision<()>, Refusal> {
        Err(self.0.clone())
    }
}
