//! Operations on a socket that neither end knows about.

use std::io;
use std::net::TcpStream;

/// Resets a connection, even if others hold it: connecting a socket to nowhere ends its old connection.
pub fn reset(stream: &TcpStream) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let nowhere = libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
    let size = size_of::<libc::sockaddr>() as libc::socklen_t;
    unsafe { libc::connect(stream.as_raw_fd(), &nowhere, size) };
    Err(io::ErrorKind::ConnectionReset.into())
}

/// The kernel drops every packet of this connection before TCP sees it, so nothing is acknowledged.
pub fn drop_packets(stream: &TcpStream) {
    // One instruction of the classic packet filter: accept no byte.
    let mut nothing = libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: 0 };
    set_option(stream, libc::SO_ATTACH_FILTER, libc::sock_fprog { len: 1, filter: &mut nothing });
}

fn set_option<T>(stream: &TcpStream, option: libc::c_int, value: T) {
    use std::os::fd::AsRawFd;
    let size = size_of::<T>() as libc::socklen_t;
    let done =
        unsafe { libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const value).cast(), size) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
}
