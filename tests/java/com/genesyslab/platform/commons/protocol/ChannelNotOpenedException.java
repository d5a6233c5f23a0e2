// A stand-in of this project's own: public names alone, none of the vendor's code (docs/transports.md).
package com.genesyslab.platform.commons.protocol;

public class ChannelNotOpenedException extends ProtocolException {
    public ChannelNotOpenedException(String message) {
        super(message);
    }

    public ChannelNotOpenedException(String message, Throwable cause) {
        super(message, cause);
    }
}
