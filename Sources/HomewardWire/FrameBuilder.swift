import HomewardCore
import NIOCore

/// Whole frames in the buffers that NIO writes.
///
/// The payload is copied once, in the thread that sends.
enum FrameBuilder {
    static func frame(kind: UInt8, channel: PeerChannel, version: UInt16, payload: [UInt8]) -> ByteBuffer {
        payload.withUnsafeBytes { frame(kind: kind, channel: channel, version: version, pieces: CollectionOfOne($0)) }
    }

    static func frame(
        kind: UInt8,
        channel: PeerChannel,
        version: UInt16,
        pieces: some Collection<UnsafeRawBufferPointer>
    ) -> ByteBuffer {
        var length = 0
        var checksum: UInt32 = 0
        for piece in pieces {
            length += piece.count
            checksum = FrameFormat.checksum(piece, after: checksum)
        }
        let header = FrameFormat.header(
            kind: kind,
            channel: channel.rawValue,
            version: version,
            payloadLength: length,
            payloadChecksum: checksum
        )
        var buffer = ByteBufferAllocator().buffer(capacity: header.count + length)
        buffer.writeBytes(header)
        for piece in pieces { buffer.writeBytes(piece) }
        return buffer
    }
}
