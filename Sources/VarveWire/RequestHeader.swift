package import VarvePlatform

/// What stands before every request.
///
///     field          type
///     apiKey         int16
///     apiVersion     int16
///     correlationId  int32            comes back with the response
///     clientId       nullable string  16-bit length, in flexible versions too
///     tags           tagged fields    only where the request's version is flexible
///
/// Source: Kafka protocol guide, "Request Header"; KIP-482.
package struct RequestHeader: Equatable, Sendable {
    /// As sent: it may be no `ApiKey`.
    package var apiKey: Int16
    /// As sent: it may be no version that `ApiKey.supported` has.
    package var apiVersion: Int16
    package var correlationId: Int32
    package var clientId: String?

    package init(apiKey: Int16, apiVersion: Int16, correlationId: Int32, clientId: String?) {
        self.apiKey = apiKey
        self.apiVersion = apiVersion
        self.correlationId = correlationId
        self.clientId = clientId
    }

    /// The API, nil where the number is none.
    package var api: ApiKey? { ApiKey(rawValue: apiKey) }

    /// Reads the header at the start of `frame`, the bytes after a request's length, and says
    /// where the body begins. An unknown key or version is no error here: the header of an
    /// ApiVersions request of any version must be readable, so that it can be answered.
    package static func decode(
        _ frame: ByteSlice
    ) throws(WireError) -> (header: RequestHeader, bodyPosition: Int) {
        var decoder = WireDecoder(frame, version: 1, isFlexible: false)
        var header = RequestHeader(apiKey: 0, apiVersion: 0, correlationId: 0, clientId: nil)
        try decoder.int16(&header.apiKey)
        try decoder.int16(&header.apiVersion)
        try decoder.int32(&header.correlationId)
        try decoder.string(&header.clientId)
        guard let api = header.api, api.isFlexible(header.apiVersion) else {
            return (header, decoder.position)
        }
        var tagDecoder = WireDecoder(
            frame, at: decoder.position, version: 2, isFlexible: true)
        try tagDecoder.tags()
        return (header, tagDecoder.position)
    }
}
