// What a test wants to go wrong, said by options of the connection.
package standin;

import com.genesyslab.platform.commons.collections.KeyValuePair;
import com.genesyslab.platform.commons.connection.configuration.KeyValueConfiguration;
import com.genesyslab.platform.commons.protocol.Endpoint;

public final class Wishes {
    private static final String EXCEPTIONS = "com.genesyslab.platform.commons.protocol.";
    private final Endpoint endpoint;

    public Wishes(Endpoint endpoint) {
        this.endpoint = endpoint;
    }

    private String wish(String name) {
        if (endpoint.configuration != null) {
            for (KeyValuePair pair : ((KeyValueConfiguration) endpoint.configuration).options) {
                if (pair.getStringKey().equals(name)) {
                    return String.valueOf(pair.getValue());
                }
            }
        }
        return null;
    }

    /** For so many milliseconds. */
    public void sleep(String name) {
        String milliseconds = wish(name);
        if (milliseconds != null) {
            try {
                Thread.sleep(Long.parseLong(milliseconds));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** An exception by its name, of the SDK's or of java.lang. */
    public void raise(String name) {
        String exception = wish(name);
        if (exception != null) {
            Wishes.<RuntimeException>raiseAny(made(exception));
        }
    }

    private static Throwable made(String name) {
        String prefix = name.startsWith("Protocol") || name.startsWith("Channel")
                || name.startsWith("Registration") ? EXCEPTIONS : "java.lang.";
        try {
            return (Throwable) Class.forName(prefix + name).getConstructor(String.class)
                    .newInstance("as wished");
        } catch (ReflectiveOperationException e) {
            throw new IllegalArgumentException(e);
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void raiseAny(Throwable exception) throws T {
        throw (T) exception;
    }
}
