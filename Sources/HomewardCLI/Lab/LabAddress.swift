import CPlatform
import HomewardCore

/// Which loopback address a lab lives on: from its path, so that it stays the same, and the next when that is taken.
package enum LabAddress {
    package static let ports: [UInt16] = [7110, 7111, 7112]

    /// The candidate of a path after `attempt` that were taken: 127.x.y.z, never of 127.0, where other things listen.
    package static func candidate(_ path: String, attempt: UInt64) -> String {
        var hash = LabHash.of(path.utf8.map(UInt64.init)) &+ attempt &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 31
        hash = hash &* 0xBF58_476D_1CE4_E5B9
        hash ^= hash >> 29
        return "127.\(1 + hash % 254).\((hash >> 16) % 256).\(1 + (hash >> 32) % 254)"
    }

    /// The first candidate of which all ports are free at this moment.
    package static func pick(
        _ path: String,
        isFree: (String, UInt16) -> Bool = LabAddress.isFree
    ) throws(Refusal) -> String {
        for attempt in 0..<64 {
            let address = candidate(path, attempt: UInt64(attempt))
            if ports.allSatisfy({ isFree(address, $0) }) { return address }
        }
        throw Refusal(
            .ioError,
            path,
            "none of 64 loopback addresses has the ports \(ports.map(String.init).joined(separator: ", ")) free",
            hint: "ss -ltnp"
        )
    }

    package static func isFree(_ address: String, _ port: UInt16) -> Bool { homeward_probe_listen(address, port) == 0 }
}
