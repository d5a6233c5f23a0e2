// A stand-in of this project's own: public names alone, none of the vendor's code (docs/transports.md).
package com.genesyslab.platform.commons.protocol;

public class ChannelClosedOnRequestException extends ProtocolException {
    public ChannelClosedOnRequestException(String message) {
        super(message);
    }

    public ChannelClosedOnRequestException(String message, Throwable cause) {
        super(message, cause);
    }
}
