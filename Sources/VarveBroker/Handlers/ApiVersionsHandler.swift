internal import VarvePlatform
internal import VarveWire

/// ApiVersions (18): which APIs and versions this broker serves, and whether clients give each
/// transaction an epoch of its own (`transaction.version`, KIP-890).
/// Source: KIP-35, KIP-511, KIP-584.
enum ApiVersionsHandler: RequestHandler {
    typealias Request = ApiVersionsRequest

    static func handle(
        _ request: ApiVersionsRequest, context: RequestContext
    ) -> Reply<ApiVersionsResponse> {
        var response = ApiVersionsResponse()
        if context.version >= 3
            && !(isValidName(request.clientSoftwareName)
                && isValidName(request.clientSoftwareVersion))
        {
            response.errorCode = .invalidRequest
            return .now(response)
        }
        response.apiKeys = ranges
        response.finalizedFeaturesEpoch = 0
        let level = Int16(context.broker.settings.integer("varve.transaction.version"))
        if level > 0 {
            response.finalizedFeatures = [
                ApiVersionsResponse.FinalizedFeature {
                    $0.name = "transaction.version"
                    $0.minVersionLevel = level
                    $0.maxVersionLevel = level
                }
            ]
        }
        // Up to version 3 clients cannot read a feature that begins with 0 (KAFKA-17011).
        if context.version >= 4 {
            response.supportedFeatures = [
                ApiVersionsResponse.SupportedFeature {
                    $0.name = "transaction.version"
                    $0.maxVersion = TransactionProtocol.epochPerTransaction.rawValue
                }
            ]
        }
        return .now(response)
    }

    /// The answer to a version that is not served: version 0, error 35, and this API's range, so
    /// that the client can ask again (KIP-511).
    static func answerUnsupported(_ header: RequestHeader) throws(WireError) -> Dispatch.Outcome {
        var response = ApiVersionsResponse()
        response.errorCode = .unsupportedVersion
        response.apiKeys = ranges.filter { $0.apiKey == ApiKey.apiVersions.rawValue }
        return .answer(
            try encodeResponse(
                response, api: .apiVersions, version: 0, correlationId: header.correlationId))
    }

    private static let ranges: [ApiVersionsResponse.ApiVersion] = AdvertisedVersions.served
        .map { api, versions in
            var range = ApiVersionsResponse.ApiVersion()
            range.apiKey = api.rawValue
            range.minVersion =
                api == .produce ? AdvertisedVersions.produceAdvertisedMin : versions.lowerBound
            range.maxVersion = versions.upperBound
            return range
        }
        .sorted { $0.apiKey < $1.apiKey }

    /// `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?` (KIP-511).
    private static func isValidName(_ name: String) -> Bool {
        func isPlain(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        guard let first = name.utf8.first, let last = name.utf8.last else { return false }
        return isPlain(first) && isPlain(last)
            && name.utf8.allSatisfy {
                isPlain($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
            }
    }
}
