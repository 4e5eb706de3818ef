//! What stands beside the rooms of the rules: ids, roles, the door's table, whose a key is, and the values that
//! are kept. Each value of a closed list has a row.

mod administration;
mod doors;
mod ids;
mod kept;
mod roles;
