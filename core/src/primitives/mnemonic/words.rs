//! The 2,048 English words of [BIP
//! 39](https://github.com/bitcoin/bips/blob/master/bip-0039/english.txt), as one text. A table of
//! the words' positions would double its size. It is read from its start each time, a few dozen
//! times per phrase.

/// All words in their order, one a line.
const WORDS: &str = include_str!("english.txt");

/// Returns the word at an index below 2,048. Above that, returns an empty text.
pub(super) fn at(index: usize) -> &'static str {
    WORDS.lines().nth(index).unwrap_or_default()
}

/// Returns the index of a word.
pub(super) fn find(word: &str) -> Option<usize> {
    WORDS.lines().position(|listed| listed == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_bip_39() {
        let expected = bip39::Language::English.word_list();
        assert!(WORDS.lines().eq(expected.iter().copied()));
        for (index, word) in expected.iter().enumerate() {
            assert_eq!((at(index), find(word)), (*word, Some(index)));
        }
        assert_eq!((at(expected.len()), find(""), find("plexus")), ("", None, None));
    }
}
