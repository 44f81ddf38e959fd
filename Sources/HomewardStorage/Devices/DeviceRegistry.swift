import Synchronization

/// Files and devices that this process has open, by what they are and not by their names.
///
/// `flock` tells processes apart, and descriptors, but not what one process opened twice under two names with a lock
/// that it inherited; and it names nobody. This does.
enum DeviceRegistry {
    /// `st_dev` and `st_ino`; of a block device its number.
    struct Key: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
    }

    private static let open = Mutex<[Key: String]>([:])

    /// Nil when the device is now registered; else the path under which it is open.
    static func register(_ key: Key, path: String) -> String? {
        open.withLock { open in
            if let other = open[key] { return other }
            open[key] = path
            return nil
        }
    }

    /// The path under which a device is open; nil when it is not.
    static func path(of key: Key) -> String? { open.withLock { $0[key] } }

    static func unregister(_ key: Key) { open.withLock { $0[key] = nil } }
}
