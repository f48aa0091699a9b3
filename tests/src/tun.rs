//! TUN devices: network interfaces whose other end is this process.
//!
//! Reading a device's file returns a packet that the kernel sends through it. Writing to the file
//! delivers a packet there.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// The bytes of an interface request. The first 16 are the name.
const REQUEST_BYTES: usize = 40;
/// The longest name, one byte less than its room.
const NAME_BYTES_MAX: usize = 15;

/// Creates a device of this name in the network namespace of the caller. Returns its file. The
/// device exists as long as the file, even in another namespace.
///
/// # Errors
/// The device cannot be created: only the administrator may create TUN devices, and not every
/// kernel supports them.
pub fn open(name: &str) -> io::Result<File> {
    assert!(name.len() <= NAME_BYTES_MAX, "{name}: over {NAME_BYTES_MAX} bytes");
    let file = File::options().read(true).write(true).open("/dev/net/tun")?;
    let mut request = [0_u8; REQUEST_BYTES];
    request[..name.len()].copy_from_slice(name.as_bytes());
    let flags = u16::try_from(libc::IFF_TUN | libc::IFF_NO_PI).expect("flags of 16 bits");
    request[16..18].copy_from_slice(&flags.to_ne_bytes());
    #[allow(unsafe_code, reason = "there is no other way to the device, and this is all of it")]
    // SAFETY: the kernel reads and writes an interface request, which is 40 bytes long, and the
    // file outlives the call.
    let done = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, request.as_mut_ptr()) };
    if done == 0 { Ok(file) } else { Err(io::Error::last_os_error()) }
}
