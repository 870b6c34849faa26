//! Statistics that were asked for before: the same question of the same maps has the same answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use geocrop_store::ContentHash;

/// Answers are one or two kilobytes.
const MOST: usize = 1024;

/// The latest answers. The question's hash includes the version of the layer, so that none is ever stale.
#[derive(Default)]
pub(crate) struct Answers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    answers: HashMap<ContentHash, Bytes>,
    /// The oldest first.
    order: VecDeque<ContentHash>,
}

impl Answers {
    pub(crate) fn get(&self, question: &ContentHash) -> Option<Bytes> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.answers.get(question).cloned()
    }

    pub(crate) fn keep(&self, question: ContentHash, answer: Bytes) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.answers.insert(question, answer).is_some() {
            return;
        }
        kept.order.push_back(question);
        if kept.order.len() > MOST
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.answers.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_answers_are_kept_and_no_more() {
        let answers = Answers::default();
        let question = |number: usize| ContentHash::of_bytes(&number.to_le_bytes());
        for number in 0..MOST + 10 {
            answers.keep(question(number), Bytes::from(vec![number as u8]));
            answers.keep(question(number), Bytes::from(vec![number as u8]));
        }
        assert_eq!(answers.get(&question(9)), None);
        assert_eq!(answers.get(&question(10)).unwrap()[..], [10]);
        assert_eq!(
            answers.get(&question(MOST + 9)).unwrap()[..],
            [(MOST + 9) as u8]
        );
    }
}
