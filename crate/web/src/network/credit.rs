//! Credits: how much may be on its way to a page that does not read.
//!
//! The browser takes in whatever arrives and lays it before the page, message by message; a page that is busy or frozen
//! is asked nothing, and its queue grows without end. So each lane has a window: its sender spends it, and the receiver
//! gives back what its node has been handed, on the control lane, a quarter of the window at a time, so that short
//! requests cost nothing. What is given back leaves in a task of its own, behind all messages that lay before the page
//! by then; so what a peer sent beyond its window is met before the credit that would have covered it.
//!
//! Pure. Invariant: however long a page does not read, no more than [`WINDOW_BYTES`] a lane wait before it, unless the
//! sender breaks the rule, and that is an error ([`Overdrawn`]), not a guess: credits and messages are both counted by
//! the byte, and the receiver only counts what it has given. It is *not* the limit of what waits at the sender (that is
//! the outbox).

use roundtable_core::wire::Lane;

use super::link::LANES;

/// How many bytes of one lane may be sent that the receiver has not yet given back.
pub(crate) const WINDOW_BYTES: usize = 512 * 1024;
/// How much the receiver gives back at a time.
pub(crate) const RETURN_BYTES: usize = WINDOW_BYTES / 4;
/// How a message of the control lane that is a credit begins. The pieces of frames begin with 0 to 3.
const CREDIT: u8 = 4;
/// The kind, the lane, the bytes.
const CREDIT_BYTES: usize = 6;

/// More was sent, or given back, than there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overdrawn;

/// What the sender of one lane may still send.
#[derive(Debug)]
pub(crate) struct Allowance(usize);

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance(WINDOW_BYTES)
    }
}

impl Allowance {
    /// How many bytes may be sent.
    pub(crate) fn left(&self) -> usize {
        self.0
    }

    /// So many were sent; no more than there were left.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.0 = self.0.checked_sub(bytes).expect("nothing is sent that the allowance does not cover");
    }

    /// The receiver gives so many back; not more than it was sent.
    pub(crate) fn refill(&mut self, bytes: usize) -> Result<(), Overdrawn> {
        self.0 = self.0.checked_add(bytes).filter(|left| *left <= WINDOW_BYTES).ok_or(Overdrawn)?;
        Ok(())
    }
}

/// What the receiver of one lane let in.
#[derive(Debug)]
pub(crate) struct Account {
    /// What may still arrive.
    left: usize,
    /// What was taken and not yet given back.
    taken: usize,
}

impl Default for Account {
    fn default() -> Account {
        Account { left: WINDOW_BYTES, taken: 0 }
    }
}

impl Account {
    /// So many bytes arrived and were taken. Whether it is time to give some back.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<bool, Overdrawn> {
        self.left = self.left.checked_sub(bytes).ok_or(Overdrawn)?;
        self.taken += bytes;
        Ok(self.is_due())
    }

    /// Whether enough was taken that it is worth a message to give it back.
    pub(crate) fn is_due(&self) -> bool {
        self.taken >= RETURN_BYTES
    }

    /// What was taken and not yet given back.
    pub(crate) fn owed(&self) -> usize {
        self.taken
    }

    /// All that was taken is given back: so much may arrive in its stead.
    pub(crate) fn give_back(&mut self) -> usize {
        let bytes = std::mem::take(&mut self.taken);
        self.left += bytes;
        bytes
    }
}

/// The message that gives bytes of a lane back.
pub(crate) fn encode(lane: usize, bytes: usize) -> [u8; CREDIT_BYTES] {
    let lane = u8::try_from(lane).expect("there are three lanes");
    let [a, b, c, d] = u32::try_from(bytes).expect("a window is far smaller than 4 GiB").to_le_bytes();
    [CREDIT, lane, a, b, c, d]
}

/// What a message of the control lane gives back: the lane's place in [`LANES`], and bytes. `None`: it is no credit.
pub(crate) fn decode(message: &[u8]) -> Option<(usize, usize)> {
    let &[CREDIT, lane, a, b, c, d] = message else { return None };
    let lane = usize::from(lane);
    let bytes = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
    (lane < LANES.len()).then_some((lane, bytes))
}

/// The place of a lane in [`LANES`].
pub(crate) fn index(lane: Lane) -> usize {
    match lane {
        Lane::Control => 0,
        Lane::Requests => 1,
        Lane::Bulk => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_that_keeps_to_its_allowance_is_never_found_to_overdraw() {
        let mut random = fastrand::Rng::with_seed(5);
        let (mut allowance, mut account) = (Allowance::default(), Account::default());
        let (mut under_way, mut coming_back, mut sent) = (Vec::new(), Vec::new(), 0);
        for _ in 0..200_000 {
            match random.u8(..3) {
                0 => {
                    let bytes = random.usize(1..=16 * 1024);
                    if bytes <= allowance.left() {
                        allowance.spend(bytes);
                        under_way.insert(0, bytes);
                        sent += bytes;
                    }
                }
                1 => {
                    if under_way.pop().is_some_and(|bytes| account.take(bytes).unwrap()) && random.bool() {
                        coming_back.push(account.give_back());
                    }
                }
                _ => {
                    let back: usize = coming_back.drain(..).sum();
                    allowance.refill(back).unwrap();
                }
            }
            assert!(under_way.iter().sum::<usize>() <= WINDOW_BYTES);
        }
        assert!(sent > 20 * WINDOW_BYTES, "it never stood still for want of credit: {sent} bytes");
    }

    #[test]
    fn a_receiver_that_takes_nothing_is_sent_one_window() {
        let mut allowance = Allowance::default();
        let sent = (0..1_000).filter(|_| (allowance.left() >= 16_384).then(|| allowance.spend(16_384)).is_some());
        assert_eq!(sent.count() * 16_384, WINDOW_BYTES);
    }

    #[test]
    fn one_byte_more_than_was_granted_is_noticed() {
        let mut account = Account::default();
        assert_eq!(account.take(WINDOW_BYTES), Ok(true));
        assert_eq!(account.take(1), Err(Overdrawn));
        assert_eq!(account.give_back(), WINDOW_BYTES);
        assert_eq!(account.take(1), Ok(false));
    }

    #[test]
    fn nobody_is_given_back_more_than_was_sent() {
        let mut allowance = Allowance::default();
        assert_eq!(allowance.refill(1), Err(Overdrawn));
        allowance.spend(10);
        assert_eq!(allowance.refill(usize::MAX), Err(Overdrawn));
        assert_eq!(allowance.refill(11), Err(Overdrawn));
        assert_eq!(allowance.refill(10), Ok(()));
        assert_eq!(allowance.left(), WINDOW_BYTES);
    }

    #[test]
    fn what_is_encoded_is_decoded_and_nothing_else_is_a_credit() {
        assert_eq!(decode(&encode(2, RETURN_BYTES)), Some((2, RETURN_BYTES)));
        let no_credits: [&[u8]; 5] = [&[], &[4], &[4, 3, 0, 0, 0, 0], &[3, 0, 0, 0, 0, 0], &[4, 0, 0, 0, 0, 0, 0]];
        no_credits.iter().for_each(|bytes| assert_eq!(decode(bytes), None));
    }
}
