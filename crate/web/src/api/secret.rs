//! A room's secret, from what the application passes in to the room that follows from it.
//!
//! A secret worth 128 random bits is used as it is: at least 16 bytes, or at least 32 hexadecimal digits, which nobody
//! makes up. Every other text is taken for something that a person typed and that can be guessed by trying, so each try
//! is made dear: PBKDF2 over SHA-256, the browser's own (it costs no wasm, and runs off the page's thread), with as
//! many rounds as OWASP advises and the room's name for a salt. That slows a guesser, who needs one recorded signal to
//! test his guesses on, by a factor; it does not make a weak secret a strong one.
//!
//! Where the page has no WebCrypto (plain http on a LAN address) a typed secret is refused rather than weakened.

use js_sys::{ArrayBuffer, JsString, Object, Uint8Array};
use roundtable_core::id::Room;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::SubtleCrypto;

use super::error::Failure;
use crate::host::{self, plain_object};

/// OWASP's advice for PBKDF2-HMAC-SHA256 (Password Storage Cheat Sheet, 2023).
const ROUNDS: u32 = 600_000;
const STRONG_BYTES_MIN: usize = 16;
const STRONG_DIGITS_MIN: usize = 2 * STRONG_BYTES_MIN;
const SECRET_BYTES_MAX: usize = 1024;

/// A room's secret as it was passed in.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// There is none.
    None,
    /// Worth 128 random bits.
    Strong(Vec<u8>),
    /// May be guessed.
    Typed(Vec<u8>),
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Secret::None => "no secret",
            Secret::Strong(_) => "a strong secret",
            Secret::Typed(_) => "a typed secret",
        })
    }
}

impl Secret {
    /// Read it from a string or bytes; `None` is none.
    ///
    /// # Errors
    ///
    /// It is empty, too long, or neither a string nor bytes.
    pub fn read(value: Option<JsValue>) -> Result<Secret, Failure> {
        let Some(value) = value else { return Ok(Secret::None) };
        let secret = match value.dyn_into::<Uint8Array>() {
            Ok(bytes) => Secret::of_bytes(bytes.to_vec()),
            Err(value) => {
                let text = value.dyn_into::<JsString>();
                let text = text.map_err(|_| Failure::argument("option secret must be a string or a Uint8Array"))?;
                // The same words typed on two keyboards may be composed differently.
                Secret::of_text(&String::from(text.normalize("NFC")))
            }
        };
        match &secret {
            Secret::Strong(bytes) | Secret::Typed(bytes) if (1..=SECRET_BYTES_MAX).contains(&bytes.len()) => Ok(secret),
            _ => Err(Failure::argument(format!(
                "option secret has 1 to {SECRET_BYTES_MAX} bytes; leave it out for an open room"
            ))),
        }
    }

    fn of_bytes(bytes: Vec<u8>) -> Secret {
        if bytes.len() >= STRONG_BYTES_MIN { Secret::Strong(bytes) } else { Secret::Typed(bytes) }
    }

    fn of_text(text: &str) -> Secret {
        let digits = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
        match digits.filter(|_| text.len() >= STRONG_DIGITS_MIN) {
            Some(bytes) => Secret::Strong(bytes),
            None => Secret::Typed(text.as_bytes().to_vec()),
        }
    }

    /// The room of this name with this secret.
    ///
    /// # Errors
    ///
    /// The name will not do, or the secret needs a slow derivation that this page cannot make.
    pub async fn room(self, name: &str) -> Result<Room, Failure> {
        let room = match self {
            Secret::None => Room::open(name),
            Secret::Strong(secret) => Room::with_secret(name, &secret),
            Secret::Typed(secret) => Room::with_secret(name, &stretched(name, &secret).await?),
        };
        room.map_err(|error| Failure::argument(error.to_string()))
    }
}

async fn stretched(name: &str, secret: &[u8]) -> Result<Vec<u8>, Failure> {
    let subtle = subtle().ok_or(Failure {
        code: "unsupported",
        message: "a secret that a person can remember needs a page from https or from this machine itself; \
                  open the page there, or use a random secret of at least 32 hexadecimal digits"
            .into(),
    })?;
    let derived = derive(&subtle, name, secret).await.map_err(|error| {
        let (kind, message) = host::describe_error(&error);
        Failure { code: "unsupported", message: format!("this browser cannot derive keys: {kind} {message}") }
    })?;
    Ok(Uint8Array::new(&derived).to_vec())
}

async fn derive(subtle: &SubtleCrypto, name: &str, secret: &[u8]) -> Result<ArrayBuffer, JsValue> {
    let usages = js_sys::Array::of1(&"deriveBits".into());
    let secret: Object = Uint8Array::from(secret).into();
    let key = subtle.import_key_with_str("raw", &secret, "PBKDF2", false, &usages)?;
    let key = JsFuture::from(key).await?;
    let salt = [b"roundtable 2026 typed secret\0", name.as_bytes()].concat();
    let algorithm = plain_object(&[
        ("name", "PBKDF2".into()),
        ("hash", "SHA-256".into()),
        ("salt", Uint8Array::from(&salt[..]).into()),
        ("iterations", ROUNDS.into()),
    ]);
    let bits = subtle.derive_bits_with_object(&algorithm, key.unchecked_ref(), 256)?;
    JsFuture::from(bits).await?.dyn_into()
}

fn subtle() -> Option<SubtleCrypto> {
    let crypto: JsValue = web_sys::window()?.crypto().ok()?.into();
    host::property(&crypto, "subtle")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_128_bits_is_taken_as_it_is_and_the_rest_for_typed() {
        assert!(matches!(Secret::of_bytes(vec![1; 16]), Secret::Strong(_)));
        assert!(matches!(Secret::of_bytes(vec![1; 15]), Secret::Typed(_)));
        let digits = "00112233445566778899aabbccddeeff";
        assert_eq!(Secret::of_text(digits), Secret::of_text(&digits.to_uppercase()));
        assert!(matches!(Secret::of_text(digits), Secret::Strong(bytes) if bytes.len() == 16));
        for typed in ["", "hush", &digits[..30], &digits[..31], "correct horse battery staple and many more words"] {
            assert!(matches!(Secret::of_text(typed), Secret::Typed(_)), "{typed}");
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        assert!(!format!("{:?}", Secret::Typed(b"hush".to_vec())).contains("hush"));
        assert!(!format!("{:?}", Secret::Strong(vec![104; 20])).contains("104"));
    }
}
