//! The words of an acknowledgement: receipt does not indicate concurrence.
//!
//! In scope: the sentence, in the six languages of the United Nations. Out of scope: the open
//! acknowledgement (`acknowledge`). Invariant: no words leave or are taken without the sentence.

use crate::signed::proto;

/// The sentence by BCP 47 tag. The English one is the original.
pub const SENTENCES: [(&str, &str); 6] = [
    ("ar", "تم تأكيد الاستلام؛ ولا يدل ذلك على الموافقة على المعلومات الواردة في الرسالة."),
    (
        "en",
        "Receipt is acknowledged; this does not indicate concurrence with the information contained therein.",
    ),
    (
        "es",
        "Se acusa recibo; ello no implica conformidad con la información contenida en el mensaje.",
    ),
    (
        "fr",
        "Il est accusé réception ; cela ne vaut pas accord avec les informations contenues dans le message.",
    ),
    (
        "ru",
        "Получение подтверждается; это не означает согласия с содержащейся в сообщении информацией.",
    ),
    ("zh", "确认收悉；这并不表示同意其中所载信息。"),
];

/// The sentence in all six languages, a line each.
#[must_use]
pub fn statement() -> String {
    SENTENCES.map(|(_, sentence)| sentence).join("\n")
}

/// The sentence in the language of a BCP 47 tag, or in English.
#[must_use]
pub fn sentence(language: &str) -> &'static str {
    let primary = language.split('-').next().unwrap_or_default();
    let found = SENTENCES.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(primary));
    found.or_else(|| SENTENCES.get(1)).map_or("", |(_, sentence)| sentence)
}

/// Whether words say that they do not indicate concurrence, in one of the six languages.
#[must_use]
pub fn has_sentence(words: &proto::Words) -> bool {
    SENTENCES.iter().any(|(_, sentence)| words.statement.contains(sentence))
}

/// Words with the sentence in all six languages, and nothing else yet.
#[must_use]
pub fn words() -> proto::Words {
    proto::Words { statement: statement(), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use unicode_normalization::is_nfc;

    use super::*;

    #[test]
    fn the_sentence_is_there_in_every_language() {
        let statement = statement();
        assert!(is_nfc(&statement), "{statement}");
        assert_eq!(statement.lines().count(), 6);
        for (tag, text) in SENTENCES {
            assert_eq!(sentence(tag), text);
            let alone = proto::Words { statement: text.to_owned(), ..Default::default() };
            assert!(has_sentence(&alone));
        }
        assert_eq!(sentence("fr-BE"), sentence("fr"));
        assert_eq!(sentence("pt"), sentence("en"));
        assert!(has_sentence(&words()));
        assert!(!has_sentence(&proto::Words { statement: "agreed".to_owned(), ..words() }));
    }
}
