import Glibc

/// Reads a file of Lua, however large or strange what stands there is.
package enum ScriptFile {
    /// Bytes; what a person writes is far below.
    static let largest = 16 << 20

    package enum Failure: Error {
        case missing
        /// It may not be read, or is no regular file: a pipe that nobody writes to would be waited for without end.
        case unreadable
        case tooLarge

        /// What is wrong with `path`, and what to do.
        package func told(of path: String) -> (message: String, hint: String) {
            switch self {
            case .missing: ("there is no file \(path)", "correct the path, or make the file")
            case .unreadable: ("\(path) cannot be read", "see that it is a file that may be read: ls -l \(path)")
            case .tooLarge:
                ("\(path) has more than \(largest) bytes, too many for a script", "see that it is a file of Lua")
            }
        }
    }

    package static func bytes(_ path: String) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw errno == ENOENT ? .missing : .unreadable }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw .unreadable }
        guard status.st_size <= largest else { throw .tooLarge }
        // Read to its end, as the size of some files (of /proc, say) is told as 0; and it can grow meanwhile.
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable }
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= largest else { throw .tooLarge }
        }
    }
}
