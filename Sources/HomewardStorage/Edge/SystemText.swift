import CPlatform
import Glibc

/// The text of an errno, given as CPlatform returns it or positive.
func systemText(_ code: some BinaryInteger) -> String { String(cString: strerror(abs(Int32(code)))) }

/// `fsync` of a folder, after which names in it survive the host.
///
/// 0, or -errno.
func synchronizeFolder(_ path: String) -> Int32 {
    let descriptor = homeward_open(path, O_RDONLY | O_DIRECTORY, 0)
    guard descriptor >= 0 else { return descriptor }
    defer { _ = homeward_close(descriptor) }
    return homeward_fsync(descriptor)
}

/// The folder that a path lies in.
func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
