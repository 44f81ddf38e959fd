import HomewardCore

/// The path of a control socket, checked against what the system allows.
enum SocketPath {
    /// `sun_path` of Linux has 108 bytes, one of them for the terminator.
    static let longest = 107

    /// - Throws: ``Refusal`` `socket-path-too-long` with both lengths.
    static func check(_ path: String) throws {
        let length = path.utf8.count
        guard length <= longest else {
            throw Refusal(
                .socketPathTooLong,
                path,
                "the path of the socket has \(length) bytes and \(longest) are allowed",
                hint: "use a directory with a shorter path"
            )
        }
    }
}
