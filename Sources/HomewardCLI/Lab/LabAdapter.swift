import HomewardAdministration
import HomewardControl
import HomewardCore
import HomewardNBD
import Synchronization

/// The doors of real daemons.
package final class DaemonDoors: LabDoors {
    /// One client for each socket: each has threads and connections of its own.
    private let clients = Mutex<[String: ControlClient]>([:])

    package init() {}

    package func control(_ socket: String) -> any RequestHandler {
        clients.withLock { clients in
            if let client = clients[socket] { return client }
            let client = ControlClient(socketPath: socket)
            clients[socket] = client
            return client
        }
    }

    package func openVolume(_ socket: String, export: String, readOnly: Bool) throws -> any LabVolume {
        NBDVolume(client: try NBDClient.connect(socketPath: socket, export: export, readOnly: readOnly))
    }
}

private final class NBDVolume: LabVolume {
    private let client: NBDClient

    init(client: NBDClient) { self.client = client }

    var size: UInt64 { client.size }

    func read(at offset: UInt64, count: Int) throws -> [UInt8] { try client.read(at: offset, count: count) }
    func write(at offset: UInt64, bytes: [UInt8]) throws { try client.write(at: offset, bytes) }
    func flush() throws { try client.flush() }
    func close() { client.close() }
}
