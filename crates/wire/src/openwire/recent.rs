//! Texts that come again and again, kept once. [openwire §11]

use super::Text;

/// How many are remembered: a frame names one connection, and a few destinations.
const TEXTS: usize = 8;

/// Longer texts are hardly ids or names.
const LONGEST: usize = 128;

/// The last different short texts of a connection. Every frame repeats its connection's name two or three times, and a
/// broker keeps many frames.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    texts: [Text; TEXTS],
    next: usize,
}

impl Recent {
    /// The text of these bytes, the same one as before if it was among the last.
    pub(super) fn text(&mut self, bytes: &[u8]) -> Result<Text, super::NotText> {
        if !(1..=LONGEST).contains(&bytes.len()) {
            return Text::read(bytes);
        }
        let known = self.texts.iter().find(|text| text.is_written_as(bytes));
        if let Some(text) = known {
            return Ok(text.clone());
        }
        let text = Text::read(bytes)?;
        self.texts[self.next] = text.clone();
        self.next = (self.next + 1) % TEXTS;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_comes_again_is_the_same_one() {
        let mut recent = Recent::default();
        let first = recent.text(b"ID:a").expect("a text");
        for n in 0..TEXTS - 1 {
            let other = recent.text(format!("q{n}").as_bytes()).expect("a text");
            assert_ne!(other, first);
        }
        let place = |text: &Text| text.as_str().expect("whole").as_ptr();
        let again = recent.text(b"ID:a").expect("a text");
        assert_eq!((&again, place(&again)), (&first, place(&first)));
        assert!(recent.text(b"one more").is_ok());
        let anew = recent.text(b"ID:a").expect("a text");
        assert_eq!(anew, first);
        assert_ne!(place(&anew), place(&first));
        assert!(recent.text(b"\xff").is_err());
    }
}
