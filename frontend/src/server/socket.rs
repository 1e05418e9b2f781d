//! A client's socket: of TCP or of the Unix domain.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

/// See the module.
#[derive(Debug)]
pub enum Socket {
    /// A connection to the server's port.
    Tcp(TcpStream),
    /// A connection through a socket file of this machine.
    Unix(UnixStream),
}

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddress {
    /// Behind this address.
    Tcp(SocketAddr),
    /// On this machine, without an address.
    Unix,
}

impl ClientAddress {
    /// Returns the port as `pg_stat_activity` shows it.
    pub fn shown_port(self) -> i32 {
        match self {
            Self::Tcp(address) => i32::from(address.port()),
            Self::Unix => -1,
        }
    }

    /// Returns the address of a client that has one.
    pub fn tcp(self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(address),
            Self::Unix => None,
        }
    }
}

impl Socket {
    /// Returns another handle of the same socket.
    ///
    /// # Errors
    /// When there are no more file descriptors.
    pub fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }

    /// Has small messages sent at once.
    pub fn send_at_once(&self) {
        match self {
            Self::Tcp(stream) => {
                // Without it answers come late, but they come.
                let _ = stream.set_nodelay(true);
            }
            Self::Unix(_) => {}
        }
    }

    /// Returns where the client is; `None` when it is gone.
    pub fn client(&self) -> Option<ClientAddress> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok().map(ClientAddress::Tcp),
            Self::Unix(_) => Some(ClientAddress::Unix),
        }
    }

    /// Lets whoever reads from the socket find its end.
    pub fn stop_reading(&self) {
        // The client may be gone already, which is as good.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Read),
            Self::Unix(stream) => stream.shutdown(Shutdown::Read),
        };
    }

    /// Returns how many bytes were there without waiting; they stay there.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing yet, and what else goes wrong.
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        recv(self, buffer, RecvFlags::PEEK | RecvFlags::DONTWAIT).map(|(read, _)| read)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            Self::Unix(stream) => stream.flush(),
        }
    }
}
