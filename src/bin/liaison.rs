//! `liaison`: what a national CERT, a diplomat and a registrar use.

fn main() {}
