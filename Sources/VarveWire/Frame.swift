package import VarvePlatform

// A frame is an int32 length and that many bytes: a request's or response's header and body.
// Source: Kafka protocol guide, "The Protocol: Common".

/// Reads the request body at `bodyPosition` of `frame`, the bytes after the length.
/// - Throws: `.unsupportedVersion` where `header` names a version that is not in
///   `ApiKey.supported`; otherwise what is wrong with the bytes. Bytes after the body are let be,
///   as Kafka's broker does.
package func decodeRequest<Request: WireRequest>(
    _ type: Request.Type, header: RequestHeader, frame: ByteSlice, at bodyPosition: Int
) throws(WireError) -> Request {
    precondition(header.apiKey == Request.api.rawValue, "the header names another API")
    guard Request.api.versions.contains(header.apiVersion) else {
        throw .unsupportedVersion(Request.api, version: header.apiVersion)
    }
    var decoder = WireDecoder(
        frame, at: bodyPosition, version: header.apiVersion,
        isFlexible: Request.api.isFlexible(header.apiVersion))
    var request = Request()
    try request.decode(&decoder)
    return request
}

/// The request as bytes to send, its length before it.
/// - Throws: `.unsupportedVersion`, `.valueTooLong`, `.frameTooLong`.
package func encodeRequest<Request: WireRequest>(
    _ request: Request, version: Int16, correlationId: Int32, clientId: String?
) throws(WireError) -> ByteSlice {
    let api = Request.api
    guard api.versions.contains(version) else {
        throw .unsupportedVersion(api, version: version)
    }
    // The client id has a 16-bit length in every version, so the head is never flexible.
    var head = WireEncoder(version: version, isFlexible: false)
    var length: Int32 = 0
    var key = api.rawValue
    var version = version
    var correlationId = correlationId
    var clientId = clientId
    try head.int32(&length)
    try head.int16(&key)
    try head.int16(&version)
    try head.int32(&correlationId)
    try head.string(&clientId)
    var encoder = WireEncoder(
        version: version, isFlexible: api.isFlexible(version), startingWith: head.finish())
    try encoder.tags()
    var request = request
    try request.encode(&encoder)
    try encoder.patchLength()
    return encoder.finish()
}

/// The response to a request of `api` and `version` as bytes to send, its length before it. Large
/// record payloads are pieces of their own: the very slices that the response holds.
/// - Throws: `.unsupportedVersion`, `.valueTooLong`, `.frameTooLong`.
package func encodeResponse<Response: WireResponse>(
    _ response: Response, api: ApiKey, version: Int16, correlationId: Int32
) throws(WireError) -> [ByteSlice] {
    guard api.versions.contains(version) else {
        throw .unsupportedVersion(api, version: version)
    }
    var encoder = WireEncoder(version: version, isFlexible: api.isFlexible(version))
    var length: Int32 = 0
    var correlationId = correlationId
    try encoder.int32(&length)
    try encoder.int32(&correlationId)
    if api.responseHeaderVersion(version) == 1 { try encoder.tags() }
    var response = response
    try response.encode(&encoder)
    try encoder.patchLength()
    return encoder.finishPieces()
}

/// Reads the response to a request of type `Request` and `version` off `frame`, the bytes after
/// the length.
package func decodeResponse<Request: WireRequest>(
    to type: Request.Type, version: Int16, frame: ByteSlice,
    structureBytesMax: Int = WireDecoder.structureBytesMaxDefault
) throws(WireError) -> (correlationId: Int32, response: Request.Response) {
    let api = Request.api
    guard api.versions.contains(version) else {
        throw .unsupportedVersion(api, version: version)
    }
    var decoder = WireDecoder(
        frame, version: version, isFlexible: api.isFlexible(version),
        structureBytesMax: structureBytesMax)
    var correlationId: Int32 = 0
    try decoder.int32(&correlationId)
    if api.responseHeaderVersion(version) == 1 { try decoder.tags() }
    var response = Request.Response()
    try response.decode(&decoder)
    return (correlationId, response)
}

/// The correlation id at the start of a response's frame, before it is known which request the
/// frame answers.
package func responseCorrelationId(_ frame: ByteSlice) throws(WireError) -> Int32 {
    var decoder = WireDecoder(frame, version: 0, isFlexible: false)
    var correlationId: Int32 = 0
    try decoder.int32(&correlationId)
    return correlationId
}
