//! A lab as text for a URL's fragment: its setup, its acts, and where it stands.
//!
//! The text is a version, a dot, and deflated JSON as base64url. What comes back is not trusted: it is bounded before
//! it is unpacked and while it is, and then checked as if it had been typed.

use data_encoding::BASE64URL_NOPAD;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::Deserialize;
use serde_json::{Value, json};

use super::act::Act;
use super::moment::Place;
use super::{ACTS_MAX, END_MS_MAX, Lab, Recorded};

/// The version of links that this lab makes and reads.
const VERSION: &str = "1";
/// How long a link may be, in bytes.
const LINK_BYTES_MAX: usize = 64 * 1_024;
/// How much it may unpack to.
const UNPACKED_MAX: usize = 4 * 1_024 * 1_024;
/// Small ones first: links are made seldom and read by people's phones.
const EFFORT: u8 = 9;
/// What a reader is told whose lab comes to another state than the link's maker had.
pub(super) const OTHER_VERSION: &str =
    "This link was made by another version of the lab: what you see may differ from what its maker saw.";

#[derive(Debug, Deserialize)]
struct Unpacked {
    setup: Value,
    /// When (ms), after how many happenings of that millisecond, what.
    acts: Vec<(u64, u32, Value)>,
    at: (u64, u32),
    mark: String,
    trace: String,
}

impl Lab {
    /// This lab, up to now, as text.
    pub fn link(&self) -> Result<String, String> {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let acts = self.acts.iter().take(self.moment.acts_done);
        let acts: Vec<Value> = acts.map(|act| json!([act.place.ms, act.place.nth, value(&act.text)])).collect();
        let Place { ms, nth } = self.moment.place();
        let whole = json!({
            "setup": value(&self.setup_text), "acts": acts, "at": [ms, nth], "mark": self.marked, "trace": self.trace(),
        });
        let packed = BASE64URL_NOPAD.encode(&compress_to_vec(whole.to_string().as_bytes(), EFFORT));
        let link = format!("{VERSION}.{packed}");
        if link.len() > LINK_BYTES_MAX {
            return Err(format!(
                "This history is too long for a link: {} bytes of at most {LINK_BYTES_MAX}. Begin anew, or go back.",
                link.len()
            ));
        }
        Ok(link)
    }

    /// The lab that a link says, at its time.
    pub fn from_link(fragment: &str) -> Result<Lab, String> {
        let text = fragment.trim().trim_start_matches('#');
        if text.len() > LINK_BYTES_MAX {
            return Err(format!("This link is too long: {} bytes of at most {LINK_BYTES_MAX}.", text.len()));
        }
        let Some((version, packed)) = text.split_once('.') else { return Err(mangled("it has no version")) };
        if version != VERSION {
            let is_number = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
            return Err(match is_number {
                true => format!(
                    "This link is of version {version}, and this lab reads version {VERSION}: reload the page to get a \
                     newer lab."
                ),
                false => mangled("it is no link of a lab"),
            });
        }
        let packed = BASE64URL_NOPAD.decode(packed.as_bytes()).map_err(|_| mangled("letters are missing or wrong"))?;
        let bytes = decompress_to_vec_with_limit(&packed, UNPACKED_MAX).map_err(|_| mangled("it does not unpack"))?;
        let unpacked: Unpacked = serde_json::from_slice(&bytes).map_err(|error| mangled(&error.to_string()))?;
        Lab::rebuild(unpacked)
    }

    fn rebuild(Unpacked { setup, acts, at, mark, trace }: Unpacked) -> Result<Lab, String> {
        let mut lab = Lab::new(&setup.to_string())?;
        lab.mark(&mark)?;
        if acts.len() > ACTS_MAX {
            return Err(format!("This link has {} steps of at most {ACTS_MAX}.", acts.len()));
        }
        let at = Place { ms: at.0, nth: at.1 };
        if at.ms > END_MS_MAX {
            return Err(mangled("it leads beyond the end of a lab's time"));
        }
        let mut last = Place { ms: 0, nth: 0 };
        for (ms, nth, step) in acts {
            let place = Place { ms, nth };
            if place < last || place > at {
                return Err(mangled("its steps are not in order"));
            }
            last = place;
            let text = step.to_string();
            lab.acts.push(Recorded { place, act: Act::read(step)?, text });
        }
        lab.forward(at, &mut || true, &mut |_, _| false);
        if lab.trace() != trace {
            lab.note.get_or_insert_with(|| OTHER_VERSION.into());
        }
        Ok(lab)
    }
}

fn mangled(why: &str) -> String {
    format!("This link cannot be read ({why}): ask for it again, or begin a new lab.")
}
