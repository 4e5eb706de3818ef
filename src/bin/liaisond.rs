//! `liaisond`: the service.

fn main() {}
