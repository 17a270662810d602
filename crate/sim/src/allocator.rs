//! What gives memory to all that is built with the simulator: nodes allocate many small things and give them back soon,
//! at which mimalloc is a quarter faster than the C library, and soaks run by so much shorter.
//!
//! It stands behind `malloc` itself, so that whoever counts what is asked of the system's allocator, as the figures of
//! memory do, counts in front of it. Elsewhere than here the system's own one serves.

/// Its version, as a number. To refer to it is what links it.
#[used]
static VERSION: fn() -> u32 = || mimalloc::MiMalloc.version();

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_in_its_place() {
        assert!(super::VERSION() > 200, "a version of mimalloc");
    }
}
