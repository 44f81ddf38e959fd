import Glibc

/// Where a path leads, however it is spelled.
///
/// Paths lead to one place when they are the same without links, `.` and `..`, which also holds while nothing is there;
/// and where something is there, when it has the same device and inode, which finds hard links.
public struct FilePlace: Sendable {
    /// Absolute where the path is, or where it leads to something.
    public let path: String
    private let key: DeviceRegistry.Key?

    /// Looks at what is there now.
    public init(_ path: String) {
        self.path = Self.resolve(path)
        key = DeviceRegistry.Key(path: path)
    }

    public func isSame(as other: FilePlace) -> Bool { path == other.path || key != nil && key == other.key }

    func isBelow(_ folder: FilePlace) -> Bool { path.hasPrefix(folder.path + "/") }

    /// What is missing at the end of a path keeps its spelling.
    private static func resolve(_ path: String) -> String {
        if let real = realpath(path, nil) {
            defer { free(real) }
            return String(cString: real)
        }
        guard let slash = path.lastIndex(of: "/"), path != "/" else { return path }
        let parent = resolve(folder(of: path))
        return (parent == "/" ? "" : parent) + path[slash...]
    }
}

extension DeviceRegistry.Key {
    /// Of what a path leads to; nil when nothing is there.
    init?(path: String) {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        let isBlockDevice = info.st_mode & S_IFMT == S_IFBLK
        self.init(
            device: UInt64(isBlockDevice ? info.st_rdev : info.st_dev),
            inode: isBlockDevice ? 0 : UInt64(info.st_ino)
        )
    }
}
