//! stub
/// stub
pub struct SealingKey;
impl SealingKey {
    /// # Errors
    /// stub
    pub fn parse(raw: &[u8]) -> Result<Self, String> {
        if raw.len() == 1216 { Ok(Self) } else { Err("no".into()) }
    }
}
