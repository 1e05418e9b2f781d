//! Physical types that are only moved.
#![expect(unsafe_code, reason = "the trait promises plain bytes")]

/// A physical type of 1, 2, 4, 8 or 16 bytes that can be moved as bytes.
///
/// # Safety
/// Every bit pattern of the type is valid, it has no padding, and its size is one of those named.
pub unsafe trait Plain: Copy + 'static {}

macro_rules! plain {
    ($($lane:ty),*) => {$(
        // SAFETY: every bit pattern of the primitive is valid and it has no padding.
        unsafe impl Plain for $lane {}
        const _: () = assert!(size_of::<$lane>().is_power_of_two() && size_of::<$lane>() <= 16);
    )*};
}

plain!(i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, f32, f64, [u8; 16]);
