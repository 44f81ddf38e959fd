import FoundationEssentials

/// Processes that belong together, as `/proc` shows them.
package enum ProcessGroup {
    /// Whether one of them runs; what waits only to be collected does not count.
    package static func isAlive(_ group: Int32) -> Bool {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc") else { return false }
        return names.contains { name in
            guard name.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
                let data = FileManager.default.contents(atPath: "/proc/\(name)/stat")
            else { return false }
            let stat = String(decoding: data, as: UTF8.self)
            guard let end = stat.lastIndex(of: ")") else { return false }
            // Behind the name: state, parent, group.
            let fields = stat[stat.index(after: end)...].split(separator: " ", maxSplits: 3)
            return fields.count > 2 && fields[2] == "\(group)" && fields[0] != "Z"
        }
    }
}
