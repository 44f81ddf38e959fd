import Glibc
import HomewardThreads
import NIOCore
import NIOPosix

extension PeerNetwork {
    /// Whether the system behind a peer's address says at once that nobody listens there.
    ///
    /// False where the peer is silent, blocked, accepts the connection, or cannot be reached. Opens one connection, says
    /// nothing on it and closes it. Blocks, for a second at most; never from an event loop.
    public func refusesConnections(_ peer: String) -> Bool {
        let address = state.withLock { state in
            state.peers[peer].flatMap { $0.blocked || state.phase != .running ? nil : $0.address }
        }
        guard let address else { return false }
        do {
            let channel = try ClientBootstrap(group: group)
                .connectTimeout(.seconds(1))
                .connect(host: address.host, port: address.port)
                .wait()
            channel.close(promise: nil)
            return false
        } catch {
            return (Self.cause(error) as? IOError)?.errnoCode == ECONNREFUSED
        }
    }
}
