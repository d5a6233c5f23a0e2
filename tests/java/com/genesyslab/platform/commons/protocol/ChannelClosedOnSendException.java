// A stand-in of this project's own: public names alone, none of the vendor's code (docs/transports.md).
package com.genesyslab.platform.commons.protocol;

public class ChannelClosedOnSendException extends ProtocolException {
    public ChannelClosedOnSendException(String message) {
        super(message);
    }

    public ChannelClosedOnSendException(String message, Throwable cause) {
        super(message, cause);
    }
}
